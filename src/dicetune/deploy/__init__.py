"""The model out: other tools run what a run made, with its decision."""
