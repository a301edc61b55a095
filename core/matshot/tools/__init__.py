"""The tools as every face calls them: by name, on files and materials."""
