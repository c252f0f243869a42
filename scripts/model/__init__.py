"""Model package versions: find, approve and compare their contracts."""
