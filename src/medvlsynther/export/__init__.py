"""What every data set leaves with: the row that carries its evidence, the guards, the shards, the card."""
