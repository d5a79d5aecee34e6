"""`python -m client` is the command `tag`."""

from .command import main

raise SystemExit(main())
