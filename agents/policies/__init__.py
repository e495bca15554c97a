"""Who writes: policies that plan, write, experiment and revise."""
