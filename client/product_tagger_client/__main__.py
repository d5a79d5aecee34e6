"""`python -m product_tagger_client` is the command `tag`."""

from .command import main

raise SystemExit(main())
