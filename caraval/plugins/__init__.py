"""Features that are written against the public hooks alone, as a third party would."""
