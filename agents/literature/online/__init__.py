"""One way to every online source: cached, paced, retried within a deadline, and never silent about an outage."""
