using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Dumont.Providers.Wire;

namespace Dumont.Providers.Vast;

/// <summary>Lets our SSH keys into machines. Vast.ai copies the account's keys into a container when it makes it and has no field for
/// them in the renting call, so a key must be on the account before; attaching it afterwards covers an account list that somebody edits
/// meanwhile.</summary>
internal sealed class VastKeys(VastClient client) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1, 1);

    // Keys known to be on the account, as "type base64": a comment may differ. Null until read.
    private volatile HashSet<string>? _known;

    /// <summary>Puts on the account what is missing there; null when all keys are on it.</summary>
    public async Task<VastFailure?> EnsureOnAccountAsync(IReadOnlyList<string> keys, CancellationToken cancellationToken)
    {
        await _gate.WaitAsync(cancellationToken);
        try
        {
            if (_known is { } cached && keys.All(key => cached.Contains(Identity(key))))
            {
                return null;
            }

            var listing = await client.ReadAsync(HttpMethod.Get, "api/v0/ssh/", VastFamily.SshKeys, null, cancellationToken);
            if (listing.Failure is not null)
            {
                return listing.Failure;
            }

            HashSet<string> known = [.. KeysOf(listing.Json)];
            foreach (var key in keys.Where(key => !known.Contains(Identity(key))).DistinctBy(Identity).ToList())
            {
                var body = new JsonObject { ["ssh_key"] = key.Trim() };
                var added = await client.ActAsync(HttpMethod.Post, "api/v0/ssh/", VastFamily.SshKeys, body, cancellationToken);
                if (added.Failure is { } failure && !AlreadyThere(failure))
                {
                    return failure;
                }

                known.Add(Identity(key));
            }

            // Replaced whole, never changed: it is read and dropped outside the gate.
            _known = known;
            return null;
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Attaches the keys to a machine that was just made. A failure is no failure of the rental: the account's keys are in it, and the
    /// next rental reads the account's list anew.</summary>
    public async Task AttachAsync(string machineId, IReadOnlyList<string> keys, CancellationToken cancellationToken)
    {
        foreach (var key in keys.DistinctBy(Identity))
        {
            var body = new JsonObject { ["ssh_key"] = key.Trim() };
            var path = string.Create(CultureInfo.InvariantCulture, $"api/v0/instances/{machineId}/ssh/");
            var reply = await client.ActAsync(HttpMethod.Post, path, VastFamily.SshKeys, body, cancellationToken);
            if (reply.Failure is { } failure && !AlreadyThere(failure))
            {
                _known = null;
                return;
            }
        }
    }

    /// <inheritdoc />
    public void Dispose() => _gate.Dispose();

    // The list comes bare or under a name.
    private static IEnumerable<string> KeysOf(JsonElement json)
    {
        var keys = json.ValueKind == JsonValueKind.Array ? json.EnumerateArray() : json.Items("ssh_keys").Concat(json.Items("keys"));
        return keys.Where(key => key.At("deleted_at") is null).Select(key => key.Text("public_key")).OfType<string>().Select(Identity);
    }

    private static bool AlreadyThere(VastFailure failure) =>
        failure.Refused && failure.Reason.Contains("already", StringComparison.OrdinalIgnoreCase);

    private static string Identity(string key) => string.Join(' ', key.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Take(2));
}
