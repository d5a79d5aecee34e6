"""`python -m quality`: the product beside its neighbours, on any folder of data sets, at several numbers of labels."""
