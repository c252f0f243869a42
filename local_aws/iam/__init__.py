"""IAM, call by call: who calls, which permissions the call needs, and whether policies grant them."""
