"""A walk's answer as a picture and as a page. Must not know how it was found out, nor read or write files."""
