package session

//go:generate go run github.com/Khan/genqlient genqlient.yaml

import (
	"context"
	"net/http"

	"souk/subgraphs/internal/peer"
)

// FromUserService asks the user service at a base URL.
func FromUserService(baseURL, token string, transport http.RoundTripper) States {
	users := peer.New("user", baseURL, token, transport)
	return func(ctx context.Context, ids []string) (map[string]State, error) {
		response, err := SessionStates(ctx, users, ids)
		if err != nil {
			return nil, err
		}
		states := make(map[string]State, len(ids))
		for _, s := range response.SessionStates {
			if s == nil {
				continue
			}
			state := State{Active: s.Active}
			for _, role := range s.Roles {
				state.Roles = append(state.Roles, string(role))
			}
			states[s.Id] = state
		}
		return states, nil
	}
}
