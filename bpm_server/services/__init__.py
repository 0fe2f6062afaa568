"""One public function = one command = one transaction: authorize, lock, decide, write, done."""
