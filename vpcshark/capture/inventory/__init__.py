"""What can be captured from, and by which hosts: catalog, caches, what the dialog's selectors offer."""
