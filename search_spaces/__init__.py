"""WHAT to search: the YAML files and the schema that checks them."""
