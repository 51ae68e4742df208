"""Planning: what many studies say together."""
