"""A subgraph with the stock of products."""

import sys

import strawberry
import uvicorn
from strawberry.asgi import GraphQL

STOCK = {"1": 12, "2": 0}


@strawberry.federation.type(keys=["id"])
class Product:
    id: strawberry.ID

    @strawberry.field(description="The number of units on hand.")
    def stock(self) -> int:
        return STOCK.get(self.id, 0)

    @classmethod
    def resolve_reference(cls, id: strawberry.ID) -> "Product":
        return cls(id=id)


@strawberry.type
class Query:
    @strawberry.field
    def in_stock(self) -> list[Product]:
        return [Product(id=id) for id, units in STOCK.items() if units > 0]


app = GraphQL(strawberry.federation.Schema(query=Query, types=[Product]))

if __name__ == "__main__":
    uvicorn.run(app, host="localhost", port=int(sys.argv[1]), log_level="warning")
