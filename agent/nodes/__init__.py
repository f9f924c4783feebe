"""The nodes of the machine: one async function each, (state, runtime) -> Update."""
