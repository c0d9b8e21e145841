"""What service and worker agree on: spec, plan, batch file, ledger, store. No FastAPI, no OpenCL."""
