"""The console: pages in the browser over the same rooms as the commands."""
