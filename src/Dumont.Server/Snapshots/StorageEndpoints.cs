using Dumont.Contracts;
using Dumont.Server.Platform.Security;
using Dumont.Server.Platform.Web;
using Dumont.Server.Settings;
using Dumont.Snapshots;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Snapshots;

/// <summary>HTTP of the storage settings.</summary>
internal static class StorageEndpoints
{
    /// <summary>Maps the routes.</summary>
    public static void Map(RouteGroupBuilder api)
    {
        var group = api.MapGroup("/settings/cloud-storage").WithTags("settings");
        group.MapGet("", GetAsync).RequireScope(Scopes.SettingsRead).WithSummary("Where snapshots go; keys are masked");
        group.MapPut("", SetAsync).RequireScope(Scopes.SettingsWrite).Produces<SuccessResponse>().WithSummary("Say where snapshots go");
        group.MapPost("/test", TestAsync).RequireScope(Scopes.SettingsWrite).Produces<StorageTestResponse>()
            .WithSummary("Write, read and delete an object there");
    }

    internal static async Task<StorageResponse> GetAsync(
        Caller caller, StorageSettingsStore store, IOptions<SnapshotsOptions> options, CancellationToken cancellationToken)
    {
        var settings = await store.FindAsync(caller.UserId, cancellationToken);
        return new StorageResponse(new StorageView(
            settings.Provider,
            settings.Engine ?? options.Value.DefaultEngine,
            settings.Endpoint,
            settings.Region,
            settings.Bucket,
            settings.Prefix,
            settings.AccessKey.Length == 0 ? null : SettingsPolicy.Masked(settings.AccessKey),
            settings.SecretKey.Length == 0 ? null : SettingsPolicy.Masked(settings.SecretKey),
            settings.Location));
    }

    internal static async Task<IResult> SetAsync(
        UpdateStorageRequest request, Caller caller, StorageSettingsStore store, CancellationToken cancellationToken)
    {
        var known = await store.FindAsync(caller.UserId, cancellationToken);
        if (StorageRules.Apply(known, request, out var errors) is not { } settings)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, errors);
        }

        await store.SetAsync(caller.UserId, settings, cancellationToken);
        return TypedResults.Ok(new SuccessResponse(
            true,
            StorageRules.Missing(settings) is { Count: > 0 } missing ? $"Saved. Still missing: {string.Join(", ", missing)}." : "The storage settings are saved."));
    }

    internal static async Task<IResult> TestAsync(
        UpdateStorageRequest? request, Caller caller, StorageSettingsStore store, StorageTest test, CancellationToken cancellationToken)
    {
        var known = await store.FindAsync(caller.UserId, cancellationToken);
        if (StorageRules.Apply(known, request ?? new UpdateStorageRequest(), out var errors) is not { } settings)
        {
            return new Problem(Problems.Validation, Problems.Validation.Title, errors);
        }

        if (StorageRules.Missing(settings) is { Count: > 0 } missing)
        {
            return new Problem(Problems.StorageIncomplete, $"Missing: {string.Join(", ", missing)}.");
        }

        try
        {
            return TypedResults.Ok(await test.RunAsync(caller.UserId, settings, cancellationToken));
        }
        catch (ObjectStoreException failed)
        {
            return TypedResults.Ok(new StorageTestResponse(false, failed.Message, []));
        }
    }
}
