"""The versions of the model: find them, approve or reject them, and compare their contracts."""
