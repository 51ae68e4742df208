"""Decision rules: pure functions over integers, and the plan that holds a strategy's facts."""
