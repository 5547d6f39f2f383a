using System.Security.Cryptography;
using Dumont.Contracts;
using Dumont.Server.Machines;
using Dumont.Server.Platform;
using Dumont.Snapshots;
using Microsoft.Extensions.Options;

namespace Dumont.Server.Snapshots;

/// <summary>Finds out whether a place can be stored in: writes an object of random bytes, reads it back, deletes it.</summary>
internal sealed class StorageTest(StoreFactory stores, ServerIdentity identity, TimeProvider time, IOptions<ServerOptions> server)
{
    private const int ContentBytes = 4096;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>Tries each step in turn and stops at the first that fails.</summary>
    public async Task<StorageTestResponse> RunAsync(UserId user, StorageSettings settings, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(Limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
        var content = RandomNumberGenerator.GetBytes(ContentBytes);
        var name = $"connection-test/{Convert.ToHexStringLower(content.AsSpan(0, 16))}";
        var steps = new List<StorageTestStep>();
        var store = Open(user, settings);
        var isWritten = await TryAsync("write", steps, async () =>
        {
            if (!await store.PutAsync(name, content, PutMode.CreateNew, either.Token))
            {
                throw new ObjectStoreException(ObjectStoreErrorKind.Protocol, "The store says that a new object is there already.");
            }
        });
        var isRead = isWritten && await TryAsync("read", steps, async () =>
        {
            var back = new byte[ContentBytes + 1];
            var read = await store.ReadAsync(name, 0, back, either.Token);
            if (read != ContentBytes || !back.AsSpan(0, read).SequenceEqual(content))
            {
                throw new ObjectStoreException(ObjectStoreErrorKind.Corrupt, "What was read is not what was written.");
            }
        });
        var isDeleted = isWritten && await TryAsync("delete", steps, async () =>
        {
            await store.DeleteAsync(name, either.Token);
            if (await store.FindAsync(name, either.Token) is not null)
            {
                throw new ObjectStoreException(ObjectStoreErrorKind.Protocol, "The object is still there.");
            }
        });
        var success = isRead && isDeleted;
        return new StorageTestResponse(
            success,
            success ? "An object was written, read back and deleted." : steps.First(step => !step.Success).Message ?? "A step failed.",
            steps);
    }

    private IObjectStore Open(UserId user, StorageSettings settings) =>
        settings.Provider == StorageSettings.Local
            ? stores.OpenFolder(Path.Combine(Path.GetFullPath(server.Value.DataDirectory), "repositories", user.ToString()))
            : stores.OpenS3(settings, $"{settings.Prefix.Trim('/')}/{identity.ServerName}/{user}");

    private async Task<bool> TryAsync(string step, List<StorageTestStep> steps, Func<Task> work)
    {
        var started = time.GetTimestamp();
        string? trouble = null;
        try
        {
            await work();
        }
        catch (ObjectStoreException failed)
        {
            trouble = failed.Message;
        }
        catch (OperationCanceledException)
        {
            trouble = $"There was no answer within {Limit.TotalSeconds:0} s.";
        }

        steps.Add(new StorageTestStep(step, trouble is null, Math.Round(time.GetElapsedTime(started).TotalMilliseconds, 1), trouble));
        return trouble is null;
    }
}
