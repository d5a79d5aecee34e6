"""The tuning: which serving settings suit this machine, found by measuring the server itself with them."""
