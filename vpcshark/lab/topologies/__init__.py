"""Networks for the lab, each a short YAML: read, checked, and made through the lab's own API, as a user would."""
