"""HTTP binding: one module per resource of the specification; negotiation, parameters, errors."""
