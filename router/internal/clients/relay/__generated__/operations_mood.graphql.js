/**
 * @generated SignedSource<<19e83674070f821011aff6b100353c11>>
 * @lightSyntaxTransform
 */

/* eslint-disable */

'use strict';

var node = {
  "argumentDefinitions": [
    {
      "kind": "RootArgument",
      "name": "after"
    }
  ],
  "kind": "Fragment",
  "metadata": null,
  "name": "operations_mood",
  "selections": [
    {
      "alias": null,
      "args": null,
      "kind": "ScalarField",
      "name": "name",
      "storageKey": null
    },
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
  ],
  "type": "User",
  "abstractKey": null
};

node.hash = "ec8c7c481b8ee80659f42d7ab622adfa";

export default node;
