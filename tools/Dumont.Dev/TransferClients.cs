using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Xml.Linq;
using Dumont.Snapshots;

namespace Dumont.Dev;

/// <summary>Something that carries a set of files to a bucket and back.</summary>
internal abstract class TransferClient : IAsyncDisposable
{
    public abstract string Name { get; }

    /// <summary>What comes before the clock starts: one that works from memory gets it filled, and memory for what comes back.</summary>
    public virtual void Prepare(string source, TransferSet set)
    {
    }

    public abstract Task UploadAsync(string source, TransferSet set, CancellationToken cancellationToken);

    public abstract Task DownloadAsync(string target, TransferSet set, CancellationToken cancellationToken);

    /// <summary>Takes what was sent out of the bucket.</summary>
    public abstract Task ClearAsync(CancellationToken cancellationToken);

    /// <summary>Compares what came back with what went.</summary>
    /// <exception cref="DevException">It is not the same.</exception>
    public virtual void Check(string source, string target, TransferSet set)
    {
        for (var i = 0; i < set.Lengths.Count; i++)
        {
            var name = TransferSet.NameOf(i);
            if (!File.ReadAllBytes(Path.Combine(source, name)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(target, name))))
            {
                throw new DevException($"{Name} brought back another {name} than it sent.");
            }
        }
    }

    public abstract ValueTask DisposeAsync();
}

/// <summary>Dumont's own store, in this process: from and to memory, as the engine uses it, or files, as the tools do.</summary>
internal sealed class StoreClient(Uri endpoint, string bucket, S3Credentials credentials, bool usesFiles) : TransferClient
{
    private const int SmallAtOnce = 16;
    private const int LargeAtOnce = 4;
    private const int PieceBytes = 16 << 20;

    private readonly S3ObjectStore _store = new(new S3StoreOptions
    {
        Endpoint = endpoint,
        Bucket = bucket,
        Prefix = usesFiles ? "files" : "memory",
        Credentials = credentials,
        Connections = SmallAtOnce,
        // No tool looks again at what it has written; where dumont is compared with them it does not either.
        VerifyWrites = !usesFiles,
    });
    private readonly ConcurrentDictionary<int, byte[]> _sent = new();
    private readonly ConcurrentDictionary<int, byte[]> _received = new();
    // Memory that is new costs more than what is done with it.
    private readonly ConcurrentBag<byte[]> _buffers = [];

    public bool UsesFiles => usesFiles;

    public override string Name => usesFiles ? "dumont, files" : "dumont, memory, looks again";

    public override void Prepare(string source, TransferSet set)
    {
        if (!usesFiles)
        {
            set.Load(source, _sent, _received);
        }
    }

    public override Task UploadAsync(string source, TransferSet set, CancellationToken cancellationToken) => EachAsync(set, async (i, token) =>
    {
        if (!usesFiles)
        {
            await _store.PutAsync(TransferSet.NameOf(i), _sent[i], PutMode.CreateNew, token);
            return;
        }

        var path = Path.Combine(source, TransferSet.NameOf(i));

        var buffer = Rent(set.Lengths[i]);
        using var file = File.OpenHandle(path);
        for (var at = 0; at < set.Lengths[i];)
        {
            at += RandomAccess.Read(file, buffer.AsSpan(at, Math.Min(PieceBytes, set.Lengths[i] - at)), at);
        }

        await _store.PutAsync(TransferSet.NameOf(i), buffer.AsMemory(0, set.Lengths[i]), PutMode.CreateNew, token);
        _buffers.Add(buffer);
    }, cancellationToken);

    public override Task DownloadAsync(string target, TransferSet set, CancellationToken cancellationToken) => EachAsync(set, async (i, token) =>
    {
        if (!usesFiles)
        {
            await _store.ReadAsync(TransferSet.NameOf(i), 0, _received[i], token);
            return;
        }

        var path = Path.Combine(target, TransferSet.NameOf(i));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.None, FileOptions.None, set.Lengths[i]);
        var buffer = Rent(Math.Min(PieceBytes, set.Lengths[i]));
        for (var at = 0L; at < set.Lengths[i]; at += PieceBytes)
        {
            var read = await _store.ReadAsync(TransferSet.NameOf(i), at, buffer.AsMemory(0, (int)Math.Min(PieceBytes, set.Lengths[i] - at)), token);
            RandomAccess.Write(file, buffer.AsSpan(0, read), at);
        }

        _buffers.Add(buffer);
    }, cancellationToken);

    public override async Task ClearAsync(CancellationToken cancellationToken)
    {
        var names = await _store.ListAsync("", cancellationToken).Select(item => item.Name).ToListAsync(cancellationToken);
        await Parallel.ForEachAsync(names, cancellationToken, async (name, token) => await _store.DeleteAsync(name, token));
        _sent.Clear();
    }

    public override void Check(string source, string target, TransferSet set)
    {
        if (usesFiles)
        {
            base.Check(source, target, set);
            return;
        }

        for (var i = 0; i < set.Lengths.Count; i++)
        {
            if (!_received[i].AsSpan(0, set.Lengths[i]).SequenceEqual(File.ReadAllBytes(Path.Combine(source, TransferSet.NameOf(i)))))
            {
                throw new DevException($"{Name} brought back another {TransferSet.NameOf(i)} than it sent.");
            }
        }

        _received.Clear();
    }

    public override ValueTask DisposeAsync() => _store.DisposeAsync();

    private byte[] Rent(int length)
    {
        while (_buffers.TryTake(out var buffer))
        {
            if (buffer.Length >= length)
            {
                return buffer;
            }
        }

        return GC.AllocateUninitializedArray<byte>(length);
    }

    private static Task EachAsync(TransferSet set, Func<int, CancellationToken, ValueTask> act, CancellationToken cancellationToken) => Parallel.ForEachAsync(
        Enumerable.Range(0, set.Lengths.Count),
        new ParallelOptions { MaxDegreeOfParallelism = set.Lengths.Count > 100 ? SmallAtOnce : LargeAtOnce, CancellationToken = cancellationToken },
        act);
}

/// <summary>The yardstick: an HTTP client that sends parts and asks for ranges by addresses signed beforehand, and checks nothing.</summary>
internal sealed class BareHttpClient(Uri endpoint, string bucket, S3Credentials credentials) : TransferClient
{
    private const int Connections = 8;
    private const int SmallAtOnce = 16;
    private const int PartBytes = 8 << 20;

    private static readonly TimeSpan Validity = TimeSpan.FromHours(1);

    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = SmallAtOnce, UseProxy = false, UseCookies = false, ActivityHeadersPropagator = null });
    private readonly S3Signer _signer = new(credentials, "us-east-1", TimeProvider.System);
    private readonly ConcurrentDictionary<int, byte[]> _sent = new();
    private readonly ConcurrentDictionary<int, byte[]> _received = new();

    public override string Name => "bare HttpClient, memory";

    public override void Prepare(string source, TransferSet set) => set.Load(source, _sent, _received);

    public override async Task UploadAsync(string source, TransferSet set, CancellationToken cancellationToken)
    {
        if (set.Lengths.Count > 100)
        {
            await Parallel.ForEachAsync(Enumerable.Range(0, set.Lengths.Count), Limit(SmallAtOnce, cancellationToken), async (i, token) =>
                await PutAsync(AddressOf(HttpMethod.Put, i), _sent[i], token));
            return;
        }

        var uploads = await Task.WhenAll(Enumerable.Range(0, set.Lengths.Count).Select(i => BeginAsync(i, cancellationToken)));
        var parts = Enumerable.Range(0, set.Lengths.Count).SelectMany(i => Enumerable.Range(0, (set.Lengths[i] + PartBytes - 1) / PartBytes).Select(part => (Object: i, Part: part)));
        var tags = new ConcurrentDictionary<(int Object, int Part), string>();
        await Parallel.ForEachAsync(parts, Limit(Connections, cancellationToken), async (item, token) =>
        {
            var at = item.Part * PartBytes;
            var bytes = _sent[item.Object].AsMemory(at, Math.Min(PartBytes, set.Lengths[item.Object] - at));
            var query = string.Create(CultureInfo.InvariantCulture, $"?partNumber={item.Part + 1}&uploadId={uploads[item.Object]}");
            tags[item] = await PutAsync(AddressOf(HttpMethod.Put, item.Object, query), bytes, token);
        });
        await Task.WhenAll(uploads.Select((upload, i) => CompleteAsync(i, upload, tags, cancellationToken)));
    }

    public override async Task DownloadAsync(string target, TransferSet set, CancellationToken cancellationToken)
    {
        var ranges = Enumerable.Range(0, set.Lengths.Count).SelectMany(i => Enumerable.Range(0, (set.Lengths[i] + PartBytes - 1) / PartBytes).Select(part => (Object: i, At: part * PartBytes)));
        await Parallel.ForEachAsync(ranges, Limit(set.Lengths.Count > 100 ? SmallAtOnce : Connections, cancellationToken), async (item, token) =>
        {
            var memory = _received[item.Object].AsMemory(item.At, Math.Min(PartBytes, set.Lengths[item.Object] - item.At));
            using var request = new HttpRequestMessage(HttpMethod.Get, AddressOf(HttpMethod.Get, item.Object));
            request.Headers.Range = new RangeHeaderValue(item.At, item.At + memory.Length - 1);
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token);
            response.EnsureSuccessStatusCode();
            await using var stream = await response.Content.ReadAsStreamAsync(token);
            await stream.ReadExactlyAsync(memory, token);
        });
    }

    public override async Task ClearAsync(CancellationToken cancellationToken)
    {
        await Parallel.ForEachAsync(_sent.Keys, cancellationToken, async (i, token) =>
        {
            using var response = await _http.DeleteAsync(AddressOf(HttpMethod.Delete, i), token);
            response.EnsureSuccessStatusCode();
        });
        _sent.Clear();
    }

    public override void Check(string source, string target, TransferSet set)
    {
        foreach (var (i, received) in _received)
        {
            if (!received.AsSpan().SequenceEqual(_sent[i]))
            {
                throw new DevException($"{Name} brought back another {TransferSet.NameOf(i)} than it sent.");
            }
        }

        _received.Clear();
    }

    public override ValueTask DisposeAsync()
    {
        _http.Dispose();
        return ValueTask.CompletedTask;
    }

    private static ParallelOptions Limit(int most, CancellationToken cancellationToken) => new() { MaxDegreeOfParallelism = most, CancellationToken = cancellationToken };

    private Uri AddressOf(HttpMethod method, int i, string query = "") => _signer.Presign(method, new Uri(endpoint, $"/{bucket}/bare/{TransferSet.NameOf(i)}{query}"), Validity);

    private async Task<string> PutAsync(Uri address, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        using var content = new ReadOnlyMemoryContent(bytes);
        using var request = new HttpRequestMessage(HttpMethod.Put, address) { Content = content };
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        response.EnsureSuccessStatusCode();
        return response.Headers.ETag!.ToString();
    }

    private async Task<string> BeginAsync(int i, CancellationToken cancellationToken)
    {
        using var response = await _http.PostAsync(AddressOf(HttpMethod.Post, i, "?uploads="), null, cancellationToken);
        response.EnsureSuccessStatusCode();
        return XDocument.Parse(await response.Content.ReadAsStringAsync(cancellationToken)).Root!.Elements().Single(element => element.Name.LocalName == "UploadId").Value;
    }

    private async Task CompleteAsync(int i, string upload, ConcurrentDictionary<(int Object, int Part), string> tags, CancellationToken cancellationToken)
    {
        var parts = tags.Where(tag => tag.Key.Object == i).OrderBy(tag => tag.Key.Part);
        var document = new XElement("CompleteMultipartUpload", parts.Select(tag => new XElement("Part", new XElement("PartNumber", tag.Key.Part + 1), new XElement("ETag", tag.Value))));
        using var content = new StringContent(document.ToString(), Encoding.UTF8, "application/xml");
        using var response = await _http.PostAsync(AddressOf(HttpMethod.Post, i, "?uploadId=" + upload), content, cancellationToken);
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new DevException(await response.Content.ReadAsStringAsync(cancellationToken));
        }
    }
}

/// <summary>A tool that people use, as a process of its own.</summary>
internal sealed class PeerClient : TransferClient
{
    private readonly string _program;
    private readonly string _remote;
    private readonly Dictionary<string, string> _environment;
    private readonly Func<string, string, string[]> _copy;
    private readonly string[] _clear;
    private readonly TimeSpan _timeout;

    private PeerClient(string name, string program, string remote, Dictionary<string, string> environment, Func<string, string, string[]> copy, string[] clear, TimeSpan timeout) =>
        (Name, _program, _remote, _environment, _copy, _clear, _timeout) = (name, program, remote, environment, copy, clear, timeout);

    public override string Name { get; }

    /// <summary>Those that are installed, and the names of those that are not.</summary>
    public static (List<PeerClient> Found, List<string> Missing) FindAll(string work, Uri endpoint, string bucket, S3Credentials credentials, TimeSpan timeout)
    {
        var address = endpoint.ToString().TrimEnd('/');
        var environment = new Dictionary<string, string>
        {
            ["HOME"] = work,
            ["AWS_ACCESS_KEY_ID"] = credentials.AccessKeyId,
            ["AWS_SECRET_ACCESS_KEY"] = credentials.SecretAccessKey,
            ["AWS_DEFAULT_REGION"] = "us-east-1",
            // A bundle of certificates means nothing here, and one that is not there stops the tools.
            ["AWS_CA_BUNDLE"] = "",
            ["NO_PROXY"] = "127.0.0.1",
            ["no_proxy"] = "127.0.0.1",
            ["RCLONE_CONFIG_LOCAL_TYPE"] = "s3",
            ["RCLONE_CONFIG_LOCAL_PROVIDER"] = "Other",
            ["RCLONE_CONFIG_LOCAL_ENDPOINT"] = address,
            ["RCLONE_CONFIG_LOCAL_REGION"] = "us-east-1",
            ["RCLONE_CONFIG_LOCAL_ENV_AUTH"] = "true",
        };
        List<PeerClient> all =
        [
            new("rclone", "rclone", $"local:{bucket}/rclone", environment, static (from, to) => ["copy", "--no-check-dest", from, to], ["purge", $"local:{bucket}/rclone"], timeout),
            new("aws-cli", "aws", $"s3://{bucket}/aws/", environment, (from, to) => ["--endpoint-url", address, "s3", "cp", "--recursive", "--only-show-errors", from, to],
                ["--endpoint-url", address, "s3", "rm", "--recursive", "--only-show-errors", $"s3://{bucket}/aws/"], timeout),
        ];
        return ([.. all.Where(peer => Find(peer._program) is not null)], [.. all.Where(peer => Find(peer._program) is null).Select(peer => peer.Name)]);
    }

    public override Task UploadAsync(string source, TransferSet set, CancellationToken cancellationToken) => RunAsync(_copy(source, _remote), cancellationToken);

    public override Task DownloadAsync(string target, TransferSet set, CancellationToken cancellationToken) => RunAsync(_copy(_remote, target), cancellationToken);

    public override Task ClearAsync(CancellationToken cancellationToken) => RunAsync(_clear, cancellationToken);

    // The distribution's own, not one that a version manager puts before it.
    private static string? Find(string program) =>
        ((string[])["/usr/bin", "/usr/local/bin"]).Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists);

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        // Empty is not unset for every tool.
        var (exitCode, output) = await Command.CaptureAsync(
            "/", "/usr/bin/env", ["-u", "AWS_CA_BUNDLE", Find(_program)!, .. arguments], _environment, _timeout, null, cancellationToken);
        if (exitCode != 0)
        {
            throw new DevException($"{Name} failed:\n{output}");
        }
    }
}
