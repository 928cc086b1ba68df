"""A capture filter's text -> the rules of a mirror filter, never narrower than the filter."""
