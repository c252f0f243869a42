"""Creates, updates and deletes CloudFormation stacks through change sets."""
