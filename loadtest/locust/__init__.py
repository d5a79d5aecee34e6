"""Load with Locust: users who wait, constant arrival rates, and the search for the highest rate within the limits."""
