"""Fix templates, one file per family; `ALL` lists them."""
