/**
 * @generated SignedSource<<cb3e801a30135205f93b8bf2fd3138b8>>
 * @lightSyntaxTransform
 */

/* eslint-disable */

'use strict';

var node = (function(){
var v0 = [
  {
    "defaultValue": null,
    "kind": "LocalArgument",
    "name": "after"
  }
],
v1 = {
  "alias": null,
  "args": null,
  "kind": "ScalarField",
  "name": "name",
  "storageKey": null
};
return {
  "fragment": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Fragment",
    "metadata": null,
    "name": "operationsMeQuery",
    "selections": [
      {
        "alias": null,
        "args": null,
        "concreteType": "User",
        "kind": "LinkedField",
        "name": "me",
        "plural": false,
        "selections": [
          (v1/*:: as any*/),
          {
            "kind": "Defer",
            "selections": [
              {
                "args": null,
                "kind": "FragmentSpread",
                "name": "operations_mood"
              }
            ]
          }
        ],
        "storageKey": null
      }
    ],
    "type": "Query",
    "abstractKey": null
  },
  "kind": "Request",
  "operation": {
    "argumentDefinitions": (v0/*:: as any*/),
    "kind": "Operation",
    "name": "operationsMeQuery",
    "selections": [
      {
        "alias": null,
        "args": null,
        "concreteType": "User",
        "kind": "LinkedField",
        "name": "me",
        "plural": false,
        "selections": [
          (v1/*:: as any*/),
          {
            "if": null,
            "kind": "Defer",
            "label": "operationsMeQuery$defer$mood",
            "selections": [
              (v1/*:: as any*/),
              {
                "alias": null,
                "args": [
                  {
                    "kind": "Variable",
                    "name": "after",
                    "variableName": "after"
                  }
                ],
                "kind": "ScalarField",
                "name": "mood",
                "storageKey": null
              }
            ]
          },
          {
            "alias": null,
            "args": null,
            "kind": "ScalarField",
            "name": "id",
            "storageKey": null
          }
        ],
        "storageKey": null
      }
    ]
  },
  "params": {
    "cacheID": "577ee7c4e5b46694d7c7eef5f2b106ed",
    "id": null,
    "metadata": {},
    "name": "operationsMeQuery",
    "operationKind": "query",
    "text": "query operationsMeQuery(\n  $after: String\n) {\n  me {\n    name\n    ...operations_mood @defer(label: \"operationsMeQuery$defer$mood\")\n    id\n  }\n}\n\nfragment operations_mood on User {\n  name\n  mood(after: $after)\n}\n"
  }
};
})();

node.hash = "4b9dd2a6871c652e6f27343b7c00db53";

export default node;
