"""What converters of several formats share."""
