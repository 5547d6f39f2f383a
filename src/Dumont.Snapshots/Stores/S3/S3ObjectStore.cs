using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace Dumont.Snapshots;

/// <summary>A store in a bucket of S3, or of a server that speaks it.</summary>
/// <remarks>
/// Large objects go up in parts and come down in ranges, several at once; what fails is sent again alone. An object is written once: where the
/// server knows <c>If-None-Match: *</c> that is its doing. Where it does not, which is found out at the first small object, the store asks first
/// and then writes, and two that write one name within the same moment may both believe that they were first.
/// A server compares a CRC-32C of all that it is sent. What is read whole is compared too; a piece of an object has no checksum of its own, and whoever
/// reads pieces has to check them.
/// </remarks>
public sealed class S3ObjectStore : IObjectStore
{
    private const string WriterHeader = "x-amz-meta-dumont-writer";
    private const int WriterBytes = 12;
    private const int ProbeBytesMax = 1 << 20;
    private const int WritesMax = 3;

    // From here on parts pay: below, the calls around them cost more than they gain.
    private const int PartsMin = 3;
    private const int ResumeBytesMin = 64 << 20;

    private readonly S3StoreOptions _options;
    private readonly S3Transport _transport;
    private volatile Conditions _conditions = Conditions.Unknown;
    private volatile bool _verifies;

    /// <summary>Opens a store. Nothing is sent until the first call.</summary>
    /// <exception cref="ArgumentException">An option cannot be used.</exception>
    public S3ObjectStore(S3StoreOptions options)
    {
        _options = options;
        _transport = new S3Transport(options);
        _verifies = options.VerifyWrites;
    }

    private enum Conditions
    {
        Unknown,
        Known,
        Ignored,
    }

    /// <inheritdoc/>
    public StoreTraits Traits => new(PreferredPackBytes: 16 << 20, _options.Connections);

    /// <inheritdoc/>
    public async ValueTask<bool> PutAsync(string name, ReadOnlyMemory<byte> content, PutMode mode, CancellationToken cancellationToken)
    {
        ObjectName.Check(name);
        for (var attempt = 1; ; attempt++)
        {
            var written = mode == PutMode.Overwrite ? await OverwriteAsync(name, content, cancellationToken) : await CreateAsync(name, content, cancellationToken);
            if (!written)
            {
                return false;
            }

            if (!_verifies || await IsThereAsync(name, content.Length, cancellationToken))
            {
                return true;
            }

            if (attempt == WritesMax)
            {
                throw new ObjectStoreException(
                    ObjectStoreErrorKind.Corrupt, $"cannot write {name} in {_transport.Where}: the server acknowledged it {WritesMax} times and does not have it; use another server");
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask<int> ReadAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        ObjectName.Check(name);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        if (destination.Length == 0)
        {
            return 0;
        }

        if (destination.Length <= 2 * _options.PartBytes)
        {
            return await new S3Download(_transport, name, offset, destination) { AsksForWhole = offset == 0 }.RunAsync(cancellationToken);
        }

        for (var attempt = 1; ; attempt++)
        {
            var (read, isRight) = await ReadPartsAsync(name, offset, destination, cancellationToken);
            if (isRight)
            {
                return read;
            }

            if (attempt == WritesMax)
            {
                throw new ObjectStoreException(
                    ObjectStoreErrorKind.Corrupt, $"cannot read {name} in {_transport.Where}: what arrived is not what was stored, by its checksum; check the network and the object");
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask<StoredObject?> FindAsync(string name, CancellationToken cancellationToken)
    {
        ObjectName.Check(name);
        return await HeadAsync(name, static (response, name) => new StoredObject(
            name, response.Content.Headers.ContentLength ?? 0, response.Content.Headers.LastModified ?? default), cancellationToken);
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<StoredObject> ListAsync(string prefix, CancellationToken cancellationToken)
    {
        ObjectName.CheckPrefix(prefix);
        return ListPagesAsync(prefix, cancellationToken);
    }

    /// <inheritdoc/>
    public async ValueTask DeleteAsync(string name, CancellationToken cancellationToken)
    {
        ObjectName.Check(name);
        await _transport.RunAsync(
            () => new S3Call(HttpMethod.Delete, _transport.AddressOf(name), $"delete {name}"),
            static (_, _, _) => Task.FromResult(true),
            cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _transport.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<bool> OverwriteAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        if (content.Length <= PartsMin * _options.PartBytes)
        {
            return await PutOnceAsync(name, content, [], cancellationToken);
        }

        for (var attempt = 1; ; attempt++)
        {
            var writer = NewWriter();
            // False: the upload is gone, because its last call went through and the answer was lost, or because somebody aborted it.
            if (await new S3Upload(_transport, _options, name, content, [(WriterHeader, writer)]).RunAsync([], resumes: false, cancellationToken)
                || await IsMineAsync(name, writer, cancellationToken) == true)
            {
                return true;
            }

            if (attempt == WritesMax)
            {
                throw Vanishing(name);
            }
        }
    }

    private static string NewWriter() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(WriterBytes));

    private ObjectStoreException Vanishing(string name) => new(
        ObjectStoreErrorKind.Transient, $"cannot write {name} in {_transport.Where}: somebody aborts or deletes it each time, {WritesMax} times over; try again later");

    private async Task<bool> CreateAsync(string name, ReadOnlyMemory<byte> content, CancellationToken cancellationToken, int attempt = 1)
    {
        var isLarge = content.Length > PartsMin * _options.PartBytes;
        // A large one is asked for in any case: sending it for nothing costs more.
        if ((isLarge || _conditions != Conditions.Known) && await FindAsync(name, cancellationToken) is not null)
        {
            return false;
        }

        var writer = NewWriter();
        (string Name, string Value)[] mine = [(WriterHeader, writer)];
        (string Name, string Value)[] conditions = _conditions == Conditions.Ignored ? [] : [("If-None-Match", "*")];
        bool created;
        try
        {
            created = isLarge
                ? await new S3Upload(_transport, _options, name, content, mine).RunAsync(conditions, resumes: content.Length >= ResumeBytesMin, cancellationToken)
                : await PutOnceAsync(name, content, [.. mine, .. conditions], cancellationToken);
        }
        catch (ObjectStoreException e) when (e.Kind == ObjectStoreErrorKind.Protocol && conditions.Length > 0 && _conditions == Conditions.Unknown)
        {
            // The server says that it does not know the condition.
            _conditions = Conditions.Ignored;
            return await CreateAsync(name, content, cancellationToken, attempt);
        }

        if (!created)
        {
            _conditions = isLarge ? _conditions : Conditions.Known;
            // It may be there because an attempt of ours went through whose answer was lost. It may be gone again: then nothing was there to leave as it is.
            return await IsMineAsync(name, writer, cancellationToken)
                ?? (attempt < WritesMax ? await CreateAsync(name, content, cancellationToken, attempt + 1) : throw Vanishing(name));
        }

        if (_conditions == Conditions.Unknown && content.Length <= ProbeBytesMax)
        {
            // Once more, which must fail. If it does not, the same bytes are there again.
            _conditions = await PutOnceAsync(name, content, [.. mine, .. conditions], cancellationToken) ? Conditions.Ignored : Conditions.Known;
        }

        return true;
    }

    private async Task<bool> PutOnceAsync(
        string name, ReadOnlyMemory<byte> content, (string Name, string Value)[] headers, CancellationToken cancellationToken)
    {
        var checksum = _transport.SendsChecksums ? S3Crc.ToBase64(S3Crc.Append(0, content.Span)) : null;
        return await _transport.RunAsync(
            () => new S3Call(HttpMethod.Put, _transport.AddressOf(name), $"write {name}")
            {
                Body = content,
                Headers = checksum is not null && _transport.SendsChecksums ? [.. headers, ("x-amz-checksum-crc32c", checksum)] : headers,
                Accepts = [HttpStatusCode.PreconditionFailed],
            },
            static (response, _, _) => Task.FromResult(response.StatusCode != HttpStatusCode.PreconditionFailed),
            cancellationToken);
    }

    // Whether the object bears the mark of a writer; null when there is none.
    private Task<bool?> IsMineAsync(string name, string writer, CancellationToken cancellationToken) =>
        HeadAsync(name, (response, _) => response.Headers.TryGetValues(WriterHeader, out var values) && values.First() == writer, cancellationToken);

    private async Task<bool> IsThereAsync(string name, int length, CancellationToken cancellationToken)
    {
        try
        {
            return await FindAsync(name, cancellationToken) is { } found && found.SizeBytes == length;
        }
        catch (ObjectStoreException e) when (e.Kind == ObjectStoreErrorKind.Denied)
        {
            // A key that may write and not read: then the acknowledgement has to do.
            _verifies = false;
            return true;
        }
    }

    private async Task<T?> HeadAsync<T>(string name, Func<HttpResponseMessage, string, T> read, CancellationToken cancellationToken, bool withChecksum = false)
        where T : struct => await _transport.RunAsync(
            () => new S3Call(HttpMethod.Head, _transport.AddressOf(name), $"look for {name}")
            {
                Headers = withChecksum ? [("x-amz-checksum-mode", "ENABLED")] : [],
                Accepts = [HttpStatusCode.NotFound],
            },
            (response, _, _) => Task.FromResult(response.IsSuccessStatusCode ? read(response, name) : (T?)null),
            cancellationToken);

    private async Task<(int Read, bool IsRight)> ReadPartsAsync(string name, long offset, Memory<byte> destination, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var first = new S3Download(_transport, name, offset, destination[.._options.PartBytes]);
        var running = first.RunAsync(stop.Token);
        var total = await first.Head;
        var available = (int)Math.Max(0, Math.Min(destination.Length, total - offset));
        // Only of a whole object is there a checksum to compare.
        var expected = offset == 0 && total <= destination.Length ? FindChecksumAsync(name, stop.Token) : Task.FromResult<uint?>(null);
        var others = new List<S3Download>();
        for (var at = _options.PartBytes; at < available; at += _options.PartBytes)
        {
            others.Add(new S3Download(_transport, name, offset + at, destination[at..Math.Min(available, at + _options.PartBytes)]) { RequiredTag = first.Tag });
        }

        var read = 0;
        try
        {
            await Parallel.ForEachAsync(others, new ParallelOptions { MaxDegreeOfParallelism = _options.Connections, CancellationToken = stop.Token }, async (part, token) =>
                Interlocked.Add(ref read, await part.RunAsync(token)));
            read += await running;
        }
        catch
        {
            await stop.CancelAsync();
            await Task.WhenAny(running);
            throw;
        }

        var crc = first.Crc;
        for (var i = 0; i < others.Count; i++)
        {
            crc = S3Crc.Combine(crc, others[i].Crc, Math.Min(_options.PartBytes, available - ((i + 1L) * _options.PartBytes)));
        }

        var isOne = others.TrueForAll(part => part.Tag == first.Tag) && read == available;
        return (read, isOne && await expected is var declared && (declared is null || declared == crc));
    }

    private async Task<uint?> FindChecksumAsync(string name, CancellationToken cancellationToken)
    {
        try
        {
            return await HeadAsync(
                name,
                (response, _) => response.Headers.TryGetValues("x-amz-checksum-crc32c", out var values) && Convert.FromBase64String(values.First().Contains('-', StringComparison.Ordinal) ? "" : values.First()) is [var a, var b, var c, var d]
                    ? ((uint)a << 24) | ((uint)b << 16) | ((uint)c << 8) | d
                    : (long)-1,
                cancellationToken,
                withChecksum: true) is { } found and >= 0 ? (uint)found : null;
        }
        catch (Exception e) when (e is FormatException || (e is ObjectStoreException { Kind: ObjectStoreErrorKind.Denied or ObjectStoreErrorKind.Protocol }))
        {
            return null;
        }
    }

    private async IAsyncEnumerable<StoredObject> ListPagesAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var before = _transport.KeyOf("");
        string? token = null;
        var last = "";
        do
        {
            var query = $"{(token is null ? "" : $"continuation-token={Uri.EscapeDataString(token)}&")}encoding-type=url&list-type=2&prefix={Uri.EscapeDataString(_transport.KeyOf(prefix))}";
            var page = await _transport.RunAsync(
                () => new S3Call(HttpMethod.Get, _transport.AddressOf("", query), $"list {prefix}"),
                static async (response, _, limit) => await S3Xml.ReadAsync(response, limit) is { Name.LocalName: "ListBucketResult" } document
                    ? document
                    : throw new DamagedAnswerException("the answer is not a list"),
                cancellationToken);
            foreach (var item in page.Children("Contents"))
            {
                var key = Uri.UnescapeDataString(item.Text("Key") ?? "");
                if (!key.StartsWith(before, StringComparison.Ordinal) || !ObjectName.IsName(key[before.Length..]))
                {
                    // Somebody else's.
                    continue;
                }

                var name = key[before.Length..];

                if (string.CompareOrdinal(last, name) >= 0)
                {
                    throw new ObjectStoreException(ObjectStoreErrorKind.Protocol, $"cannot list {prefix} in {_transport.Where}: the server lists '{name}' behind '{last}'; objects must come in order");
                }

                last = name;
                yield return long.TryParse(item.Text("Size"), NumberStyles.None, CultureInfo.InvariantCulture, out var size)
                    && DateTimeOffset.TryParse(item.Text("LastModified"), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var modified)
                        ? new StoredObject(name, size, modified)
                        : throw new ObjectStoreException(ObjectStoreErrorKind.Protocol, $"cannot list {prefix} in {_transport.Where}: the server tells neither length nor time of {name}");
            }

            token = page.Text("IsTruncated") == "true" ? page.Text("NextContinuationToken") : null;
        }
        while (token is not null);
    }
}
