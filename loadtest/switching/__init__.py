"""Switches of releases under load: no request may fail, and none may be answered by neither release."""
