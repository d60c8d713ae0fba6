// The operations of cases/relay.mjs. Relay runs what its compiler makes of them:
// `npx relay-compiler@21.0.1` in this directory writes __generated__ anew.
import { graphql } from 'relay-runtime'
graphql`
  fragment operations_mood on User {
    name
    mood(after: $after)
  }
`
graphql`
  query operationsMeQuery($after: String) {
    me {
      name
      ...operations_mood @defer(label: "mood")
    }
  }
`
