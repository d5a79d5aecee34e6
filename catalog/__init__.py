"""What a product is: record, readers, text cleaning, taxonomy, splits and the prepared catalogue."""
