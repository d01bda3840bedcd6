"""A link to NATS and JetStream, shared by the source that reads a stream and the sink that publishes to one."""
