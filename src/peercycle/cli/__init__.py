"""The command line. Its modules import rooms inside functions only, so that `peercycle --help` stays fast."""
