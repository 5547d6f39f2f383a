using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Dumont.Snapshots;

namespace Dumont.Dev;

/// <summary><c>./dumont bench transfer</c>: how fast objects go to an S3 server on this computer and back, with Dumont's store, with nothing but an
/// HTTP client, and with the tools that people use. All take turns against one server.</summary>
internal static class TransferBench
{
    private const int Rounds = 3;
    private const string Bucket = "bench";

    private static readonly TimeSpan PeerTimeout = TimeSpan.FromMinutes(10);
    private static readonly TransferSet Large = new("4 × 215 MB", [.. Enumerable.Repeat(215_000_000, 4)]);
    private static readonly TransferSet Small = new("4,000 × 25 KB", [.. Enumerable.Range(0, 4000).Select(i => 1000 + (i * 7919 % 48_000))]);

    /// <param name="repository">The checkout.</param>
    /// <param name="only">Words of the names of clients: only those are measured, and nothing is written down. The yardstick is always there.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<int> RunAsync(Repository repository, string[] only, CancellationToken cancellationToken)
    {
        // Memory, where there is some: what is measured is the way there, not a disk.
        var memory = new DirectoryInfo("/dev/shm");
        var data = Directory.CreateTempSubdirectory("dumont-bench-").FullName;
        var work = memory.Exists && new DriveInfo(memory.FullName).AvailableFreeSpace > 8L << 30 ? Directory.CreateDirectory($"{memory.FullName}/{Path.GetFileName(data)}").FullName : data;
        try
        {
            var table = await MeasureAsync(repository, work, only, cancellationToken);
            await Console.Out.WriteLineAsync(table);
            if (only.Length == 0)
            {
                await Results.AppendAsync(repository, "transfer", table, cancellationToken);
            }

            return 0;
        }
        finally
        {
            Directory.Delete(work, recursive: true);
            if (data != work)
            {
                Directory.Delete(data, recursive: true);
            }
        }
    }

    private static async Task<string> MeasureAsync(Repository repository, string work, string[] only, CancellationToken cancellationToken)
    {
        var settings = UpSettings.Temporary(work);
        var environment = new Dictionary<string, string>
        {
            ["DUMONT_LOCALCLOUD_PORT"] = Text(settings.LocalCloudPort),
            ["DUMONT_S3_PORT"] = Text(settings.S3Port),
            ["DUMONT_LOCALCLOUD_DATA"] = Path.Combine(work, "cloud"),
        };
        await using var cloud = Child.Start("dumont-localcloud", repository.Program("Dumont.LocalCloud", "dumont-localcloud"), Path.Combine(work, "cloud.log"), environment);
        while (!cloud.Output().Contains("ready on", StringComparison.Ordinal))
        {
            if (cloud.Ended.IsCompleted)
            {
                throw cloud.Died();
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancellationToken);
        }

        var account = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(work, "cloud", "account.json"), cancellationToken))!["s3"]!;
        var endpoint = new Uri(account["endpoint"]!.ToString());
        var credentials = new S3Credentials(account["access_key_id"]!.ToString(), account["secret_access_key"]!.ToString());
        using var http = new HttpClient();
        using var made = await http.PutAsync(
            new S3Signer(credentials, "us-east-1", TimeProvider.System).Presign(HttpMethod.Put, new Uri(endpoint, "/" + Bucket), TimeSpan.FromMinutes(1)), null, cancellationToken);
        made.EnsureSuccessStatusCode();
        List<TransferClient> clients = [new StoreClient(endpoint, Bucket, credentials, usesFiles: false), new BareHttpClient(endpoint, Bucket, credentials),
            new StoreClient(endpoint, Bucket, credentials, usesFiles: true)];
        var peers = PeerClient.FindAll(work, endpoint, Bucket, credentials, PeerTimeout);
        clients.AddRange(peers.Found);
        clients.RemoveAll(client => only.Length > 0 && client is not BareHttpClient && !only.Any(word => client.Name.Contains(word, StringComparison.Ordinal)));

        var lines = new List<string>();
        foreach (var set in (TransferSet[])[Large, Small])
        {
            lines.AddRange(await MeasureSetAsync(set, clients, work, () => ProcessorOf(Environment.ProcessId) + ProcessorOf(cloud.ProcessId), cancellationToken));
        }

        // No package of this system brings s5cmd.
        lines.Add($"| not measured | {string.Join(", ", [.. peers.Missing, "s5cmd"])} |");
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }

        return string.Join('\n', lines);
    }

    private static async Task<List<string>> MeasureSetAsync(
        TransferSet set, List<TransferClient> clients, string work, Func<TimeSpan> processor, CancellationToken cancellationToken)
    {
        var source = set.Write(Path.Combine(work, "source"));
        var up = clients.ToDictionary(client => client, _ => new List<Run>());
        var down = clients.ToDictionary(client => client, _ => new List<Run>());
        // One round more for what runs in this process: the first compiles, and does not count.
        for (var round = 0; round <= Rounds; round++)
        {
            foreach (var client in clients.Where(client => round > 0 || client is not PeerClient))
            {
                var target = Path.Combine(work, "target");
                Directory.CreateDirectory(target);
                client.Prepare(source, set);
                var sent = await TimeAsync(() => client.UploadAsync(source, set, cancellationToken), processor);
                var received = await TimeAsync(() => client.DownloadAsync(target, set, cancellationToken), processor);
                if (round > 0)
                {
                    up[client].Add(sent);
                    down[client].Add(received);
                }

                client.Check(source, target, set);
                Directory.Delete(target, recursive: true);
                await client.ClearAsync(cancellationToken);
            }
        }

        Directory.Delete(source, recursive: true);
        return [.. Rows(set, "up", up), .. Rows(set, "down", down)];
    }

    private static async Task<Run> TimeAsync(Func<Task> act, Func<TimeSpan> processor)
    {
        var started = TimeProvider.System.GetTimestamp();
        var before = processor();
        await act();
        return new Run(TimeProvider.System.GetElapsedTime(started).TotalSeconds, (processor() - before).TotalSeconds);
    }

    private static TimeSpan ProcessorOf(int process)
    {
        using var found = Process.GetProcessById(process);
        return found.TotalProcessorTime;
    }

    private static IEnumerable<string> Rows(TransferSet set, string way, Dictionary<TransferClient, List<Run>> runs)
    {
        var seconds = runs.ToDictionary(pair => pair.Key, pair => Statistics.Median(pair.Value.Select(run => run.Seconds)));
        var bare = seconds.First(pair => pair.Key is BareHttpClient).Value;
        var files = seconds.FirstOrDefault(pair => pair.Key is StoreClient { UsesFiles: true }).Value;
        foreach (var (client, measured) in runs)
        {
            var median = seconds[client];
            var values = measured.ConvertAll(run => run.Seconds);
            var rate = set.Lengths.Count > 100
                ? string.Create(CultureInfo.InvariantCulture, $"{set.Lengths.Count / median:0} objects/s")
                : string.Create(CultureInfo.InvariantCulture, $"{set.TotalBytes / median / 1e9:0.00} GB/s");
            var comparison = client switch
            {
                StoreClient { UsesFiles: false } => string.Create(CultureInfo.InvariantCulture, $", {bare / median * 100:0} % of bare HttpClient"),
                PeerClient => string.Create(CultureInfo.InvariantCulture, $", dumont with files {median / files:0.0} ×"),
                _ => "",
            };
            // What both ends computed, which a busy machine changes less than the time; of a tool that is a process of its own it is not known.
            var processor = client is PeerClient ? "" : string.Create(CultureInfo.InvariantCulture, $", {Statistics.Median(measured.Select(run => run.ProcessorSeconds)):0.00} s of processor");
            yield return string.Create(
                CultureInfo.InvariantCulture, $"| {set.Name} {way}, {client.Name} | {rate} ({values.Min():0.00} to {values.Max():0.00} s{processor}){comparison} |");
        }
    }

    private readonly record struct Run(double Seconds, double ProcessorSeconds);

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Objects that are sent and fetched together.</summary>
/// <param name="Name">For the table.</param>
/// <param name="Lengths">Of each, in bytes.</param>
internal sealed record TransferSet(string Name, IReadOnlyList<int> Lengths)
{
    public long TotalBytes => Lengths.Sum(length => (long)length);

    public static string NameOf(int index) => string.Create(CultureInfo.InvariantCulture, $"packs/{index % 256:x2}/{index:x8}");

    /// <summary>Fills memory with the files, and as much memory with other bytes.</summary>
    public void Load(string folder, ConcurrentDictionary<int, byte[]> filled, ConcurrentDictionary<int, byte[]> room)
    {
        for (var i = 0; i < Lengths.Count; i++)
        {
            filled[i] = File.ReadAllBytes(Path.Combine(folder, NameOf(i)));
            room[i] = new byte[Lengths[i]];
            // Touched: the first use of new memory is the kernel's work, not the client's.
            Array.Fill(room[i], (byte)1);
        }
    }

    /// <summary>Writes them as files, of bytes that do not compress.</summary>
    public string Write(string folder)
    {
        var random = new Random(20_261_121);
        for (var i = 0; i < Lengths.Count; i++)
        {
            var path = Path.Combine(folder, NameOf(i));
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var bytes = GC.AllocateUninitializedArray<byte>(Lengths[i]);
            random.NextBytes(bytes);
            File.WriteAllBytes(path, bytes);
        }

        return folder;
    }
}
