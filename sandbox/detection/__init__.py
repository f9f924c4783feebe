"""How a repository is installed and tested, read off its files on the host without running any of them."""
