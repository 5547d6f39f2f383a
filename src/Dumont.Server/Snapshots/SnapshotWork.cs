using Dumont.Contracts;
using Dumont.Server.Agents;
using Dumont.Server.Machines;

namespace Dumont.Server.Snapshots;

/// <summary>Puts the work of a machine together from what is recorded.</summary>
internal sealed class SnapshotWork(OperationStore operations, SnapshotStore snapshots, Repositories repositories) : IAgentWorkSource
{
    /// <inheritdoc />
    public async Task<AgentWork?> FindAsync(Machine machine, AgentRole role, CancellationToken cancellationToken)
    {
        // One that wrote and is fenced by now has still been told what the next writer is to do.
        if (await operations.FindOrderedAsync(machine.Id, cancellationToken) is not { Kind: OperationKind.Snapshot or OperationKind.Restore, SnapshotId: { } id } operation
            || role != (operation.Document.OnMachine is null ? AgentRole.Writer : AgentRole.Fenced)
            || await snapshots.FindAsync(id, cancellationToken) is not { } snapshot
            || await repositories.FindAsync(operation.RepositoryId, cancellationToken) is not { } repository
            || repository.UserId != machine.UserId)
        {
            return null;
        }

        var document = operation.Document;
        return new AgentWork(
            operation.Id,
            operation.Kind == OperationKind.Snapshot ? AgentWorkKind.Snapshot : document.DryRun ? AgentWorkKind.Preview : AgentWorkKind.Restore,
            repository.Engine,
            repository.Id,
            await repositories.EnsureSecretAsync(operation.UserId, cancellationToken),
            snapshot.Document.SourcePath,
            $"instance-{snapshot.InstanceId}",
            document.Full,
            operation.Kind == OperationKind.Restore ? snapshot.EngineSnapshotId : null,
            document.TargetPath,
            document.Include,
            document.Verify,
            operation.Kind == OperationKind.Restore && document.Include.Count == 0 ? snapshot.Document.Result?.BytesProcessed ?? 0 : 0,
            document.Delete);
    }
}
