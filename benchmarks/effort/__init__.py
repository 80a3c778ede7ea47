"""How many acts a person needs until every image of a data set has its right label."""
