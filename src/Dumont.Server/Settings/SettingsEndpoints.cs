using System.Text.Json;
using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Dumont.Server.Settings;

/// <summary>HTTP of settings, SSH keys and the provider's balance.</summary>
internal static class SettingsEndpoints
{
    private const string OnboardingKey = "has_completed_onboarding";

    /// <summary>Maps the routes.</summary>
    public static void Map(RouteGroupBuilder routes)
    {
        var settings = routes.MapGroup("/settings").WithTags("settings");
        settings.MapGet("", GetAsync).RequireScope(Scopes.SettingsRead).WithSummary("Read the settings; secrets are masked");
        settings.MapPut("", UpdateAsync).RequireScope(Scopes.SettingsWrite).WithSummary("Change settings");
        settings.MapPost("/complete-onboarding", CompleteOnboardingAsync).RequireScope(Scopes.SettingsWrite).WithSummary("Note that the tour is done");
        settings.MapGet("/ssh-keys", ListSshKeysAsync).RequireScope(Scopes.SettingsRead).WithSummary("List SSH keys");
        settings.MapPost("/ssh-keys", AddSshKeyAsync).RequireScope(Scopes.SettingsWrite).WithSummary("Add an SSH key");
        settings.MapDelete("/ssh-keys/{id:long}", RemoveSshKeyAsync).RequireScope(Scopes.SettingsWrite).WithSummary("Remove an SSH key");
        routes.MapGet("/balance", BalanceAsync).RequireScope(Scopes.BillingRead).WithTags("settings").WithSummary("Money at the provider");
        routes.MapGet("/instances/balance", BalanceAsync).RequireScope(Scopes.BillingRead).WithTags("settings").ExcludeFromDescription();
    }

    internal static async Task<Ok<SettingsResponse>> GetAsync(
        Caller caller, SettingsStore store, SecretStore secrets, CancellationToken cancellationToken)
    {
        var values = await store.GetAsync(caller.UserId, cancellationToken);
        values.TryAdd(OnboardingKey, JsonSerializer.SerializeToElement(false));
        var vast = await secrets.FindAsync(caller.UserId, SecretStore.VastApiKey, cancellationToken);
        var gcp = await secrets.FindAsync(caller.UserId, SecretStore.GcpCredentials, cancellationToken);
        return TypedResults.Ok(new SettingsResponse
        {
            VastApiKey = vast is null ? null : SettingsPolicy.Masked(secrets.Reveal(vast)),
            GcpCredentials = gcp is null ? null : SettingsPolicy.MaskedGcp(secrets.Reveal(gcp)),
            Settings = values,
            Others = values.Where(value => value.Key is not (SecretStore.VastApiKey or SecretStore.GcpCredentials or "settings")).ToDictionary(),
        });
    }

    internal static async Task<Results<Ok<SuccessResponse>, Problem>> UpdateAsync(
        UpdateSettingsRequest request,
        Caller caller,
        SettingsStore store,
        SecretStore secrets,
        ProviderAccounts accounts,
        CancellationToken cancellationToken)
    {
        if (request.VastApiKey?.Any(letter => letter is <= ' ' or > '~') == true)
        {
            return Problems.Field("vast_api_key", "Visible ASCII characters only.");
        }

        string? gcp = null;
        if (request.GcpCredentials is { ValueKind: not JsonValueKind.Null } given)
        {
            gcp = SettingsPolicy.GcpCredentials(given);
            if (gcp is null || (gcp.Length > 0 && !SettingsPolicy.IsMasked(gcp) && !accounts.IsUsable("gcp", gcp)))
            {
                return Problems.Field("gcp_credentials", "A service-account key with client_email, private_key, token_uri and project_id is needed, at most 16 KiB.");
            }
        }

        var changes = (request.Settings ?? new Dictionary<string, JsonElement>()).Concat(request.Others ?? []).ToLookup(change => change.Key)
            .ToDictionary(change => change.Key, change => change.Last().Value);
        if (changes.Count > 0 && !await store.MergeAsync(caller.UserId, changes, cancellationToken))
        {
            return Problems.Field(
                "settings", $"At most {SettingsPolicy.KeysMax} keys of {SettingsPolicy.KeyLengthMax} characters and {SettingsPolicy.SizeBytesMax} bytes in all, of valid Unicode.");
        }

        if (request.VastApiKey is { } key && !SettingsPolicy.IsMasked(key))
        {
            await secrets.SetAsync(caller.UserId, SecretStore.VastApiKey, key, cancellationToken);
        }

        if (gcp is not null && !SettingsPolicy.IsMasked(gcp))
        {
            await secrets.SetAsync(caller.UserId, SecretStore.GcpCredentials, gcp, cancellationToken);
        }

        return TypedResults.Ok(new SuccessResponse(true, "Settings updated."));
    }

    private static async Task<Ok<SuccessResponse>> CompleteOnboardingAsync(Caller caller, SettingsStore store, CancellationToken cancellationToken)
    {
        await store.MergeAsync(
            caller.UserId, new Dictionary<string, JsonElement> { [OnboardingKey] = JsonSerializer.SerializeToElement(true) }, cancellationToken);
        return TypedResults.Ok(new SuccessResponse(true, "Onboarding completed."));
    }

    private static async Task<Ok<SshKeyListResponse>> ListSshKeysAsync(Caller caller, SshKeyStore store, CancellationToken cancellationToken)
    {
        var keys = await store.ListAsync(caller.UserId, cancellationToken);
        return TypedResults.Ok(new SshKeyListResponse(keys, keys.Count));
    }

    internal static async Task<Results<Created<SshKeyResponse>, Ok<SshKeyResponse>, Problem>> AddSshKeyAsync(
        AddSshKeyRequest request, Caller caller, SshKeyStore store, CancellationToken cancellationToken)
    {
        if (SshPublicKey.TryParse(request.PublicKey!) is not { } key)
        {
            return Problems.Field("public_key", "One line of an OpenSSH public key is needed: ed25519, ECDSA, or RSA of at least 2048 bits; no options.");
        }

        var name = request.Name is { Length: > 0 } given ? given : key.Comment.Length > 0 ? key.Comment : key.Type;
        return await store.AddAsync(caller.UserId, name, key, cancellationToken) switch
        {
            ({ } added, true) => TypedResults.Created($"/api/v1/settings/ssh-keys/{added.Id}", added),
            ({ } kept, false) => TypedResults.Ok(kept),
            null => new Problem(Problems.Conflict, $"There are {SshKeyStore.KeysMax} SSH keys already. Remove one first."),
        };
    }

    private static async Task<Results<Ok<SuccessResponse>, Problem>> RemoveSshKeyAsync(
        long id, Caller caller, SshKeyStore store, CancellationToken cancellationToken) =>
        await store.RemoveAsync(caller.UserId, id, cancellationToken)
            ? TypedResults.Ok(new SuccessResponse(true, "The SSH key is removed."))
            : Problems.Unknown("SSH key", id);

    private static async Task<Results<Ok<BalanceResponse>, Problem>> BalanceAsync(
        Caller caller, ProviderAccounts accounts, CancellationToken cancellationToken)
    {
        if (await accounts.FindForUserAsync(caller.UserId, "vast", cancellationToken) is not { } account)
        {
            return new Problem(Problems.ProviderNotConfigured, "There is no Vast.ai key, neither the user's nor the server's.");
        }

        var balance = await account.Client.GetBalanceAsync(cancellationToken);
        return TypedResults.Ok(new BalanceResponse(balance?.CreditUsd ?? 0, balance?.BalanceUsd ?? 0, 0, balance?.Email ?? ""));
    }
}
