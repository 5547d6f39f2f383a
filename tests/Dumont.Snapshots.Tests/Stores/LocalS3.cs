using Dumont.LocalCloud.Account;
using Dumont.LocalCloud.Faults;
using Dumont.LocalCloud.S3;
using Microsoft.Extensions.Logging;

namespace Dumont.Snapshots.Tests.Stores;

/// <summary>The local cloud's S3 in this process, with one bucket. Shared by the tests of a class, each of which has a prefix of its own: a web server
/// takes a second to end.</summary>
public sealed class LocalS3 : IAsyncLifetime
{
    public const string Bucket = "repository";

    private readonly TempFolder _folder = new();
    private readonly S3Account _account = S3Account.Create();
    private S3Server _server = null!;
    private int _prefixes;

    internal FaultBook Faults { get; } = new(1, TimeProvider.System);

    internal Uri Endpoint => _server.Endpoint;

    internal S3Credentials Credentials => new(_account.AccessKeyId, _account.SecretAccessKey);

    public async ValueTask InitializeAsync()
    {
        _folder.Folder($"s3/{Bucket}");
        _server = await S3Server.StartAsync(0, _folder.File("s3"), _account, Faults, TimeProvider.System, LogLevel.Warning, TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _folder.Dispose();
    }

    /// <summary>Options for a place of its own in the bucket, with no fault armed. Pauses are none.</summary>
    internal S3StoreOptions NewPlace()
    {
        Faults.Clear();
        return OptionsFor($"some/where/{++_prefixes}");
    }

    private S3StoreOptions OptionsFor(string prefix) => new()
    {
        Endpoint = Endpoint,
        Bucket = Bucket,
        Prefix = prefix,
        Credentials = Credentials,
        PartBytes = 5 << 20,
        RetryPause = TimeSpan.FromMilliseconds(1),
        Time = new HastyTime(),
    };

    internal void Arm(string kind, string operation, int count = 1, double status = 500, double delay = 120) => Faults.Add(id => new Fault
    {
        Id = id,
        Kind = FaultKind.Find(kind)!,
        Operation = operation,
        Provider = "s3",
        Count = count,
        Numbers = new Dictionary<string, double> { ["status"] = status, ["delay_seconds"] = delay, ["bytes_per_second"] = 1 },
    });

    /// <summary>A clock on which every pause is over at once.</summary>
    private sealed class HastyTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime == Timeout.InfiniteTimeSpan ? dueTime : TimeSpan.Zero, period);
    }
}
