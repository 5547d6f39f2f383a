using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Dumont.Contracts;
using Dumont.Snapshots;

namespace Dumont.Agent.Work;

/// <summary>A repository as the server shows it to this machine: it can be read and added to; only locks can be replaced and deleted.</summary>
/// <param name="http">Speaks to the server with the machine's token; not owned.</param>
/// <param name="root">Address of the repository's objects, without a slash at its end.</param>
/// <param name="time">Clock of the pauses between tries.</param>
internal sealed class ServerObjectStore(HttpClient http, string root, TimeProvider time) : IObjectStore
{
    private const int Attempts = 5;
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(300);

    /// <inheritdoc />
    public StoreTraits Traits => new(PreferredPackBytes: 16 << 20, Concurrency: 4);

    /// <inheritdoc />
    public async ValueTask<bool> PutAsync(string name, ReadOnlyMemory<byte> content, PutMode mode, CancellationToken cancellationToken)
    {
        var address = mode == PutMode.Overwrite ? $"{root}/{name}?mode=overwrite" : $"{root}/{name}";
        using var response = await SendAsync(
            name,
            () => new HttpRequestMessage(HttpMethod.Put, address)
            {
                Content = new ReadOnlyMemoryContent(content) { Headers = { ContentType = new MediaTypeHeaderValue("application/octet-stream") } },
            },
            HttpCompletionOption.ResponseContentRead,
            cancellationToken);
        return response.StatusCode switch
        {
            HttpStatusCode.Conflict => false,
            { } status when IsGood(status) => true,
            { } status => throw Refused(status, name),
        };
    }

    /// <inheritdoc />
    public async ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        if (destination.Length == 0)
        {
            return 0;
        }

        for (var attempt = 1; ; attempt++)
        {
            using var response = await SendAsync(
                name,
                () => new HttpRequestMessage(HttpMethod.Get, $"{root}/{name}")
                {
                    Headers = { Range = new RangeHeaderValue(offset, offset + destination.Length - 1) },
                },
                HttpCompletionOption.ResponseHeadersRead,
                cancellationToken);
            if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
            {
                return 0;
            }

            if (response.StatusCode != HttpStatusCode.PartialContent)
            {
                throw Refused(response.StatusCode, name);
            }

            try
            {
                var length = (int)(response.Content.Headers.ContentLength ?? 0);
                if (length > destination.Length)
                {
                    throw new ObjectStoreException(ObjectStoreErrorKind.Protocol, $"The server sent more of {name} than was asked for.");
                }

                await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
                await body.ReadExactlyAsync(destination[..length], cancellationToken);
                return length;
            }
            catch (Exception cut) when (cut is HttpRequestException or IOException and not ObjectStoreException && attempt < Attempts)
            {
                await PauseAsync(attempt, cancellationToken);
            }
            catch (Exception cut) when (cut is HttpRequestException or IOException and not ObjectStoreException)
            {
                throw new ObjectStoreException(ObjectStoreErrorKind.Transient, $"The server broke off while sending {name}.", cut);
            }
        }
    }

    /// <inheritdoc />
    public async ValueTask<StoredObject?> FindAsync(string name, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(
            name, () => new HttpRequestMessage(HttpMethod.Head, $"{root}/{name}"), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        return response.StatusCode switch
        {
            HttpStatusCode.NotFound => null,
            { } status when IsGood(status) => new StoredObject(
                name, response.Content.Headers.ContentLength ?? 0, response.Content.Headers.LastModified ?? DateTimeOffset.UnixEpoch),
            { } status => throw Refused(status, name),
        };
    }

    /// <inheritdoc />
    public async IAsyncEnumerable<StoredObject> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var response = await SendAsync(
            prefix,
            () => new HttpRequestMessage(HttpMethod.Get, $"{root}?prefix={Uri.EscapeDataString(prefix)}"),
            HttpCompletionOption.ResponseHeadersRead,
            cancellationToken);
        if (!IsGood(response.StatusCode))
        {
            throw Refused(response.StatusCode, prefix);
        }

        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        await foreach (var each in JsonSerializer.DeserializeAsyncEnumerable(body, AgentLinkJson.Default.AgentObject, cancellationToken))
        {
            if (each is not null)
            {
                yield return new StoredObject(each.Name, each.SizeBytes, each.ModifiedAt);
            }
        }
    }

    /// <inheritdoc />
    public async ValueTask DeleteAsync(string name, CancellationToken cancellationToken)
    {
        using var response = await SendAsync(
            name, () => new HttpRequestMessage(HttpMethod.Delete, $"{root}/{name}"), HttpCompletionOption.ResponseContentRead, cancellationToken);
        if (!IsGood(response.StatusCode) && response.StatusCode != HttpStatusCode.NotFound)
        {
            throw Refused(response.StatusCode, name);
        }
    }

    /// <inheritdoc />
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // The same request again changes nothing: what was put is there, what was deleted is gone.
    private async Task<HttpResponseMessage> SendAsync(
        string name, Func<HttpRequestMessage> make, HttpCompletionOption completion, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                using var request = make();
                var response = await http.SendAsync(request, completion, cancellationToken);
                if (attempt == Attempts || !IsPassing(response.StatusCode))
                {
                    return response;
                }

                response.Dispose();
            }
            catch (Exception lost) when (lost is HttpRequestException or IOException && attempt < Attempts)
            {
                // The server may be starting again.
            }
            catch (Exception lost) when (lost is HttpRequestException or IOException)
            {
                throw new ObjectStoreException(ObjectStoreErrorKind.Transient, $"The server cannot be reached for {name}: {lost.Message}", lost);
            }

            await PauseAsync(attempt, cancellationToken);
        }
    }

    private Task PauseAsync(int attempt, CancellationToken cancellationToken) => Task.Delay(FirstPause * (1 << attempt), time, cancellationToken);

    private static bool IsGood(HttpStatusCode status) => (int)status is >= 200 and < 300;

    private static bool IsPassing(HttpStatusCode status) =>
        status is HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout or HttpStatusCode.TooManyRequests;

    private static ObjectStoreException Refused(HttpStatusCode status, string name) =>
        new(
            status switch
            {
                HttpStatusCode.NotFound => ObjectStoreErrorKind.NotFound,
                HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => ObjectStoreErrorKind.Denied,
                HttpStatusCode.InsufficientStorage => ObjectStoreErrorKind.Full,
                HttpStatusCode.InternalServerError => ObjectStoreErrorKind.Corrupt,
                _ when IsPassing(status) => ObjectStoreErrorKind.Transient,
                _ => ObjectStoreErrorKind.Protocol,
            },
            $"The server answers {(int)status} for {name}.");
}
