"""The service: diagnoses submitted over HTTP, run by workers, durable in Postgres."""
