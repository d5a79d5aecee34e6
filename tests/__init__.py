"""The folders mirror those of the sources; the modules here are shared by them."""
